// @ts-check
// Files on their way to the server, and the messages that wait for them.
//
// A file keeps the id that it was given here, so uploading it again can't make a second one. Files live as long as the page: a
// browser doesn't hand out a picked file again after a reload. A large one that is picked again then goes on from where its upload
// stood.
/** @import {Draft, Id, Media} from "../../types/protocol.d.ts" */
/** @import {Upload} from "../../types/state.d.ts" */
/** @import {ResumableFile} from "../net/resumable.js" */
/** @import {UnfinishedUploads} from "./unfinished-uploads.js" */
import { Problem } from "../net/http.js";
import { uuidv7 } from "../net/ids.js";
import { explain } from "../text/problems.js";

/** The most files in one message. */
export const MAX_FILES = 10;
/** The most bytes of a file that the server accepts. */
export const MAX_BYTES = 64 * 2 ** 20;
/**
 * Files of more bytes are uploaded in parts, so that a lost connection costs little. Below that an upload takes seconds, and the
 * requests beside it would be most of the work.
 */
export const RESUMABLE_BYTES = 4 * 2 ** 20;
/** Uploads under way at the same time: more of them share the same line and only look slower. */
const CONCURRENT_UPLOADS = 2;

/** The parts of a form beside the file, made by the client. @typedef {{waveform?: number[], preview?: Blob}} Extras */
/** @typedef {{signal: AbortSignal, onProgress: (part: number) => void}} TransferOptions */
/** A picked file. `begun`: an earlier attempt may have reached the server. @typedef {{file: Blob, extras: Extras, begun: boolean}} Held */

/**
 * Dispatches `change` (detail: the uploads in the order of picking), `uploaded` (detail: the file), and `unsent` (detail: the id of a
 * file that the server has and nobody wants).
 */
export class Uploads extends EventTarget {
  #transfer;
  #transferInParts;
  #unfinished;
  #send;
  #drawVideo;
  #previews;
  /** @type {Map<Id, Upload>} */
  #items = new Map();
  /** @type {Map<Id, Held>} */
  #files = new Map();
  /** @type {Map<Id, AbortController>} */
  #running = new Map();

  /**
   * @param {object} parts
   * @param {(form: FormData, options: TransferOptions) => Promise<Media>} parts.transfer
   * @param {(file: ResumableFile, options: TransferOptions) => Promise<Media>} parts.transferInParts
   * @param {Pick<UnfinishedUploads, "claim" | "keep" | "forget" | "clear">} parts.unfinished
   * @param {(conversationId: Id, draft: Draft) => void} parts.send
   * @param {(file: Blob) => Promise<Blob | undefined>} [parts.drawVideo] makes the preview of a video
   * @param {Pick<typeof URL, "createObjectURL" | "revokeObjectURL">} [parts.previews]
   */
  constructor({ transfer, transferInParts, unfinished, send, drawVideo = async () => undefined, previews = URL }) {
    super();
    this.#transfer = transfer;
    this.#transferInParts = transferInParts;
    this.#unfinished = unfinished;
    this.#send = send;
    this.#drawVideo = drawVideo;
    this.#previews = previews;
  }

  /**
   * Begins to upload files. Returns how many were taken: a message carries at most ten.
   * @param {Id} conversationId
   * @param {File[]} files
   */
  add(conversationId, files) {
    const room = MAX_FILES - this.#pickedIn(conversationId).length;
    const taken = files.slice(0, Math.max(0, room));
    taken.forEach((file) => this.#take(conversationId, file, {}));
    this.#dispatchChange();
    this.#startNext();
    return taken.length;
  }

  /**
   * Uploads one file and sends a message with it alone.
   * @param {Id} conversationId
   * @param {File} file
   * @param {Draft} draft
   * @param {Extras} extras
   */
  sendAlone(conversationId, file, draft, extras) {
    this.#take(conversationId, file, extras, { id: uuidv7(), draft });
    this.#dispatchChange();
    this.#startNext();
  }

  /**
   * Sends a message with the picked files of a conversation, as soon as they are all uploaded.
   * @param {Id} conversationId
   * @param {Draft} draft
   */
  submit(conversationId, draft) {
    const batch = { id: uuidv7(), draft };
    for (const item of this.#pickedIn(conversationId)) this.#items.set(item.id, { ...item, batch });
    this.#sendIfComplete(batch.id);
    this.#dispatchChange();
  }

  /**
   * Tries again to upload a file.
   * @param {Id} id
   */
  retry(id) {
    const item = this.#items.get(id);
    if (item?.status !== "failed") return;
    const progress = isResumable(this.#files.get(id)) ? item.progress : 0;
    this.#change(id, { status: "waiting", progress, error: undefined, retryable: undefined });
    this.#startNext();
  }

  /** Tries again to upload what a lost connection has broken off. */
  resume() {
    for (const { id, retryable } of [...this.#items.values()]) if (retryable) this.retry(id);
  }

  /**
   * Gives up a file. A message that waited for nothing else is sent.
   * @param {Id} id
   */
  cancel(id) {
    const item = this.#items.get(id);
    if (!item) return;
    this.#running.get(id)?.abort();
    this.#unfinished.forget(id);
    this.#forget(id);
    if (item.status === "done") this.dispatchEvent(new CustomEvent("unsent", { detail: id }));
    if (item.batch) this.#sendIfComplete(item.batch.id, item.batch.draft, item.conversation_id);
    this.#dispatchChange();
    this.#startNext();
  }

  /** Gives up all files, as when the user signs out. */
  clear() {
    for (const id of [...this.#items.keys()]) {
      this.#running.get(id)?.abort();
      this.#forget(id);
    }
    this.#unfinished.clear();
    this.#dispatchChange();
  }

  /**
   * @param {Id} conversationId
   * @param {File} file
   * @param {Extras} extras
   * @param {Upload["batch"]} [batch]
   */
  #take(conversationId, file, extras, batch) {
    const resumed = isResumable({ file, extras }) ? this.#unfinished.claim(file) : null;
    const id = resumed ?? uuidv7();
    const isPicture = /^image\/(?!svg)/.test(file.type);
    /** @type {Upload} */
    const item = {
      id,
      conversation_id: conversationId,
      file_name: file.name,
      content_type: file.type || "application/octet-stream",
      size: file.size,
      status: "waiting",
      progress: 0,
      waveform: extras.waveform,
      preview: isPicture ? this.#previews.createObjectURL(file) : undefined,
      batch,
    };
    const problem = faultOf(file);
    this.#items.set(id, problem ? { ...item, status: "failed", error: problem, retryable: false } : item);
    this.#files.set(id, { file, extras, begun: resumed !== null });
  }

  #startNext() {
    for (const { id, status } of this.#items.values()) {
      if (this.#running.size >= CONCURRENT_UPLOADS) return;
      if (status === "waiting") this.#upload(id);
    }
  }

  /** @param {Id} id */
  async #upload(id) {
    const held = this.#files.get(id);
    const item = this.#items.get(id);
    if (!held || !item) return;
    const controller = new AbortController();
    this.#running.set(id, controller);
    this.#change(id, { status: "uploading" });
    try {
      const { file, extras } = held;
      if (file.type.startsWith("video/") && !extras.preview) await this.#addPreview(id, file, extras);
      const onProgress = (/** @type {number} */ progress) => this.#change(id, { progress });
      const media = await this.#sendBytes(item, held, { signal: controller.signal, onProgress });
      this.dispatchEvent(new CustomEvent("uploaded", { detail: media }));
      if (this.#items.has(id)) this.#onUploaded(id);
      // Cancelled when the server had it all.
      else this.dispatchEvent(new CustomEvent("unsent", { detail: id }));
    } catch (problem) {
      const retryable = problem instanceof Problem && (problem.transient || problem.unauthenticated);
      if (!retryable) this.#unfinished.forget(id);
      this.#change(id, { status: "failed", error: explain(problem), retryable });
    } finally {
      this.#running.delete(id);
      this.#startNext();
    }
  }

  /**
   * @param {Upload} item
   * @param {Held} held
   * @param {TransferOptions} options
   */
  async #sendBytes(item, held, options) {
    if (!isResumable(held)) return this.#transfer(formOf(item, held), options);
    const { id, file_name, content_type } = item;
    const { file, begun } = held;
    held.begun = true;
    this.#unfinished.keep(id, /** @type {File} */ (file));
    const media = await this.#transferInParts({ id, file, file_name, content_type, begun }, options);
    this.#unfinished.forget(id);
    return media;
  }

  /**
   * @param {Id} id
   * @param {Blob} file
   * @param {Extras} extras
   */
  async #addPreview(id, file, extras) {
    extras.preview = await this.#drawVideo(file);
    if (extras.preview && this.#items.has(id)) this.#change(id, { preview: this.#previews.createObjectURL(extras.preview) });
  }

  /** @param {Id} id */
  #onUploaded(id) {
    this.#change(id, { status: "done", progress: 1 });
    const { batch } = this.#items.get(id) ?? {};
    if (batch) this.#sendIfComplete(batch.id);
    this.#dispatchChange();
  }

  /**
   * Sends the message of a batch once its files are uploaded. Where they were all given up, only a text is left to send.
   * @param {Id} batchId
   * @param {Draft} [draft]
   * @param {Id} [conversationId]
   */
  #sendIfComplete(batchId, draft, conversationId) {
    const files = [...this.#items.values()].filter(({ batch }) => batch?.id === batchId);
    if (files.some(({ status }) => status !== "done")) return;
    const [first] = files;
    if (!first) {
      if (draft?.body && conversationId) this.#send(conversationId, draft);
      return;
    }
    const attachments = files.map(({ id }) => id);
    attachments.forEach((id) => this.#forget(id));
    this.#send(first.conversation_id, { ...first.batch?.draft, body: first.batch?.draft.body ?? "", attachments });
  }

  /** @param {Id} conversationId */
  #pickedIn(conversationId) {
    return [...this.#items.values()].filter((item) => item.conversation_id === conversationId && !item.batch);
  }

  /** @param {Id} id */
  #forget(id) {
    const preview = this.#items.get(id)?.preview;
    if (preview) this.#previews.revokeObjectURL(preview);
    this.#items.delete(id);
    this.#files.delete(id);
  }

  /**
   * @param {Id} id
   * @param {Partial<Upload>} changes
   */
  #change(id, changes) {
    const item = this.#items.get(id);
    if (!item) return;
    this.#items.set(id, { ...item, ...changes });
    this.#dispatchChange();
  }

  #dispatchChange() {
    this.dispatchEvent(new CustomEvent("change", { detail: [...this.#items.values()] }));
  }
}

/**
 * Returns the reason for which the server would refuse a file, if it is known beforehand.
 * @param {Blob} file
 */
function faultOf(file) {
  if (file.size > MAX_BYTES) return "Files can have 64 MB at most.";
  return file.size === 0 ? "This file is empty." : null;
}

/**
 * Tells whether a file is uploaded in parts. Those have no place for a waveform, and the server can't make one of each recording; the
 * preview of a large video is given up for it.
 * @param {{file: Blob, extras: Extras} | undefined} held
 */
function isResumable(held) {
  return held !== undefined && held.file.size > RESUMABLE_BYTES && !held.extras.waveform;
}

/**
 * @param {Upload} item
 * @param {Held} held
 */
function formOf({ id, file_name }, { file, extras }) {
  const form = new FormData();
  form.set("id", id);
  if (extras.waveform) form.set("waveform", JSON.stringify(extras.waveform));
  if (extras.preview) form.set("preview", extras.preview, "preview");
  form.set("file", file, file_name);
  return form;
}
