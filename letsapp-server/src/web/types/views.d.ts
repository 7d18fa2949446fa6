// Types that several views share.
import type { KnownConversation } from "./state.d.ts";
import type { Message } from "./protocol.d.ts";
import type { Client } from "../client/actions/client.js";

/** An event of an element, with the types of what it happened to. */
export type On<Kind extends Event, Element extends HTMLElement = HTMLElement> = Kind & {
  currentTarget: Element;
  target: HTMLElement;
};

export type KeyEvent = On<KeyboardEvent>;
export type ClickEvent = On<MouseEvent>;
export type FormEvent = On<SubmitEvent, HTMLFormElement>;

/** An action in a menu. */
export interface MenuItem {
  icon: string;
  label: string;
  testid?: string;
  danger?: boolean;
  onSelect(): void;
}

/** An action on a message. */
export type ActionKind = "react" | "reply" | "forward" | "copy" | "reactions" | "edit" | "delete";

export interface MessageAction {
  kind: ActionKind;
  icon: string;
  label: string;
  /** The key that does the same while the message has the focus. */
  key?: string;
  danger?: boolean;
}

/** An action that a view is carrying out on a message. */
export interface OngoingAction {
  kind: ActionKind;
  message: Message;
}

/** Props of a dialog about a conversation. */
export interface ConversationDialogProps {
  client: Client;
  conversation: KnownConversation;
  onClose(): void;
}
