// How views read the client's state and the address.
import { routeOf, withDrawer } from "../route.js";
import { createContext, useContext, useEffect, useLayoutEffect, useReducer, useRef } from "../vendor/htm-preact.js";

export const ClientContext = createContext(null);

export const useClient = () => useContext(ClientContext);

/** What `select` makes of the state; draws again when that is another value. */
export function useSelected(select) {
  const { store } = useClient();
  const [, redraw] = useReducer((count) => count + 1, 0);
  const selected = select(store.state);
  const latest = useRef(null);
  latest.current = { select, selected };
  useLayoutEffect(() => {
    const compare = (state) => latest.current.select(state) !== latest.current.selected && redraw();
    compare(store.state);
    return store.subscribe(compare);
  }, [store]);
  return selected;
}

/** Sees to it that the profiles of these people are fetched. */
export function usePeople(ids) {
  const { people } = useClient();
  useEffect(() => people.want(ids), [people, ids.join()]);
}

/** Sees to it that the presence of these people is followed. */
export function usePresence(ids) {
  const { presence } = useClient();
  useEffect(() => presence.want(ids), [presence, ids.join()]);
}

/** Where in the client the address points. The back button of a phone thus leaves a chat, a panel, a drawer. */
export function useRoute() {
  const [, redraw] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    window.addEventListener("hashchange", redraw);
    return () => window.removeEventListener("hashchange", redraw);
  }, []);
  return routeOf(window.location.hash);
}

export const drawerAddress = (drawer) => withDrawer(window.location.hash, drawer);

export function go(address) {
  window.location.hash = address;
}
