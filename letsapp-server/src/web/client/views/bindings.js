// How views read the client's state and the address.
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

/** Where in the client the address points: `{chat, panel}`. The back button of a phone thus leaves a chat. */
export function useRoute() {
  const [, redraw] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    window.addEventListener("hashchange", redraw);
    return () => window.removeEventListener("hashchange", redraw);
  }, []);
  const [, chat = null, panel = null] = /^#\/chat\/([0-9a-f-]+)(?:\/(people))?$/.exec(window.location.hash) ?? [];
  return { chat, panel };
}

export const chatAddress = (id, panel) => `#/chat/${id}${panel ? `/${panel}` : ""}`;

export function go(address) {
  window.location.hash = address;
}
