// @ts-check
// Voice messages: the button that begins one, and the row that shows the recording in place of the message field.
/** @import {Voice} from "../actions/recording.js" */
/** @import {KeyEvent} from "../../types/views.d.ts" */
/** @import {Ref} from "../vendor/htm-preact.js" */
import { microphoneText, Recording } from "../actions/recording.js";
import { durationText } from "../text/files.js";
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Waveform } from "./audio.js";
import { IconButton } from "./elements.js";
import { useClient } from "./hooks.js";
import { Icon } from "./icons.js";

/** The levels that the meter shows: those of the last seconds. */
const SHOWN_LEVELS = 96;
/** Recordings below this length are slips of the finger. */
const SHORTEST_SECONDS = 0.5;

/** @param {{onStart(): void}} props */
export function VoiceButton({ onStart }) {
  return html`<button type="button" class="send" aria-label="Record a voice message" title="Record a voice message" data-testid="record" onClick=${onStart}>
    <${Icon} name="microphone" />
  </button>`;
}

/**
 * A recording that runs for as long as this view is drawn.
 * @param {{onSend(voice: Voice): void, onEnd(): void}} props
 */
export function VoiceRow({ onSend, onEnd }) {
  const client = useClient();
  const [progress, setProgress] = useState({ levels: /** @type {number[]} */ ([]), seconds: 0 });
  /** @type {Ref<Recording | null>} */
  const recording = useRef(/** @type {any} */ (null));
  /** @type {Ref<HTMLElement>} */
  const row = useRef(null);
  useEffect(() => {
    let wanted = true;
    const begin = async () => {
      try {
        const started = await Recording.start((next) => wanted && setProgress({ ...next }));
        if (wanted) recording.current = started;
        // Given up while the browser was asking for permission.
        else started.cancel();
      } catch (problem) {
        if (!wanted) return;
        client.toast(microphoneText(problem));
        onEnd();
      }
    };
    begin();
    row.current.focus();
    return () => {
      wanted = false;
      recording.current?.cancel();
    };
  }, []);

  const send = async () => {
    const held = recording.current;
    if (!held || progress.seconds < SHORTEST_SECONDS) return onEnd();
    recording.current = null;
    await client.attempt(async () => onSend(await held.finish()));
    onEnd();
  };
  const onKeyDown = (/** @type {KeyEvent} */ event) => {
    if (event.key === "Enter" && event.target === event.currentTarget) send();
    else if (event.key === "Escape") onEnd();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const levels = progress.levels.slice(-SHOWN_LEVELS).map((level) => level * 100);
  const shown = [...Array(SHOWN_LEVELS - levels.length).fill(0), ...levels];
  return html`<div ref=${row} class="voice-row" role="group" tabindex="-1" aria-label="Recording a voice message" data-testid="recording" onKeyDown=${onKeyDown}>
    <${IconButton} icon="trash" label="Discard the recording" testid="record-cancel" onClick=${onEnd} />
    <span class="voice-dot" aria-hidden="true"></span>
    <span class="voice-time" role="timer" data-testid="record-time">${durationText(Math.floor(progress.seconds))}</span>
    <div class="voice-meter" role="meter" aria-label="Level" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(levels.at(-1) ?? 0)} data-testid="record-level">
      <${Waveform} points=${shown} />
    </div>
    <button type="button" class="send" aria-label="Send the voice message" title="Send the voice message" data-testid="record-send" onClick=${send}>
      <${Icon} name="send" />
    </button>
  </div>`;
}
