// Types of the parts of `htm-preact.js` that the client uses. Only for the type checker: this file is not served.

export interface VNode {
  type: unknown;
  props: object;
}

/** Anything that a template can show. */
export type Children = VNode | string | number | boolean | null | undefined | Children[];

/** A value in a template. Handlers written inside of one need no type for their event. */
type Value = ((event: any) => unknown) | Children | object;

/** Markup as a tagged template: `<${View} name=${value} />` draws a view. Props are not checked. */
export function html(strings: TemplateStringsArray, ...values: Value[]): VNode;
export function render(node: VNode, parent: Element): void;

export abstract class Component<Props = {}, State = {}> {
  constructor(props: Props);
  props: Props;
  state: State;
  setState(state: Partial<State>): void;
  render(props: Props, state: State): Children;
}

export interface Context<T> {
  Provider: object;
  readonly value?: T;
}

export interface Ref<T> {
  current: T;
}

type Dependencies = readonly unknown[];

export function createContext<T>(value: T): Context<T>;
export function useContext<T>(context: Context<T>): T;
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((held: T) => T)) => void];
export function useReducer<T>(reduce: (held: T) => T, initial: T): [T, () => void];
/** A reference that Preact sets to an element. The variable states the type. */
export function useRef(initial: null): Ref<any>;
export function useRef<T>(initial: T): Ref<T>;
export function useMemo<T>(make: () => T, dependencies: Dependencies): T;
export function useCallback<T extends Function>(callback: T, dependencies: Dependencies): T;
export function useEffect(effect: () => unknown, dependencies?: Dependencies): void;
export function useLayoutEffect(effect: () => unknown, dependencies?: Dependencies): void;
