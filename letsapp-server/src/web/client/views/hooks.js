// @ts-check
// Hooks by which the views read the state and the address of the page.
/** @import {Id} from "../../types/protocol.d.ts" */
/** @import {State} from "../../types/state.d.ts" */
/** @import {Client} from "../actions/client.js" */
/** @import {Context} from "../vendor/htm-preact.js" */
import { createContext, useContext, useEffect, useLayoutEffect, useReducer, useRef } from "../vendor/htm-preact.js";
import { routeOf, withDrawer } from "./route.js";

/** @type {Context<Client | null>} */
export const ClientContext = createContext(/** @type {Client | null} */ (null));

/** Returns the client of the signed-in user. */
export const useClient = () => /** @type {Client} */ (useContext(ClientContext));

/**
 * Returns what `select` makes of the state. Draws the view again when that is another value.
 * @template T
 * @param {(state: State) => T} select
 */
export function useSelected(select) {
  const { store } = useClient();
  const [, redraw] = useReducer((count) => count + 1, 0);
  const selected = select(store.state);
  const latest = useRef({ select, selected });
  latest.current = { select, selected };
  useLayoutEffect(() => {
    const compare = (/** @type {State} */ state) => latest.current.select(state) !== latest.current.selected && redraw();
    compare(store.state);
    return store.subscribe(compare);
  }, [store]);
  return selected;
}

/**
 * Fetches the profiles of these users, unless they are known.
 * @param {(Id | undefined)[]} ids
 */
export function useProfiles(ids) {
  const { profiles } = useClient();
  useEffect(() => profiles.load(ids), [profiles, ids.join()]);
}

/**
 * Follows the presence of these users.
 * @param {(Id | undefined)[]} ids
 */
export function usePresence(ids) {
  const { presence } = useClient();
  useEffect(() => presence.watch(ids), [presence, ids.join()]);
}

/** Returns the place that the address names. Views change by address, so that the back button of a phone leaves them one by one. */
export function useRoute() {
  const [, redraw] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    window.addEventListener("hashchange", redraw);
    return () => window.removeEventListener("hashchange", redraw);
  }, []);
  return routeOf(window.location.hash);
}

/**
 * Returns the address of a drawer over the list, null to close it; the chat beside it stays.
 * @param {string | null} drawer
 */
export const drawerAddress = (drawer) => withDrawer(window.location.hash, drawer);

/** @param {string} address */
export function go(address) {
  window.location.hash = address;
}
