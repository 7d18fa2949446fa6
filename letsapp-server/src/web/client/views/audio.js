// @ts-check
// A player for sound: play and pause, a waveform in which to seek, the time and the speed.
/** @import {Attachment} from "../../types/protocol.d.ts" */
/** @import {On} from "../../types/views.d.ts" */
/** @import {Ref} from "../vendor/htm-preact.js" */
import { durationText, isVoice } from "../text/files.js";
import { POINTS } from "../text/waveform.js";
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { IconButton } from "./elements.js";
import { useClient } from "./hooks.js";
import { useLink } from "./picture.js";
import { save } from "./save.js";

const SPEEDS = [1, 1.5, 2];
/** The bars of a sound whose loudness is not known. */
const FLAT = Array(POINTS).fill(12);

/** The sound that plays. Another one that begins ends it. @type {HTMLAudioElement | null} */
let playing = null;

/** @param {{file: Attachment}} props */
export function AudioPlayer({ file }) {
  const client = useClient();
  const { file_name, waveform = FLAT } = file;
  const [wanted, setWanted] = useState(false);
  const { address, failed, retry } = useLink(file, "original", wanted);
  const [running, setRunning] = useState(false);
  const [at, setAt] = useState(0);
  const [found, setFound] = useState(0);
  const [speed, setSpeed] = useState(1);
  /** @type {Ref<HTMLAudioElement>} */
  const audio = useRef(null);
  const starting = useRef(false);
  // Recordings of browsers don't say how long they are; the server does.
  const duration = file.duration ?? found;

  const play = () => {
    playing?.pause();
    playing = audio.current;
    audio.current.playbackRate = speed;
    // Fails where another sound begins first, or `onError` follows.
    audio.current.play().catch(() => {});
  };
  const toggle = () => {
    if (running) return audio.current.pause();
    if (address) return play();
    starting.current = true;
    setWanted(true);
  };
  useEffect(() => {
    if (!address || !starting.current) return;
    starting.current = false;
    play();
  }, [address]);
  useEffect(() => {
    const element = audio.current;
    return () => {
      element.pause();
      if (playing === element) playing = null;
    };
  }, []);

  const seek = (/** @type {number} */ to) => {
    setAt(to);
    if (!address) return setWanted(true);
    audio.current.currentTime = to;
  };
  const onLoaded = () => {
    if (Number.isFinite(audio.current.duration)) setFound(audio.current.duration);
    // The place that was chosen before the sound was loaded.
    if (at > 0 && audio.current.currentTime === 0) audio.current.currentTime = at;
  };
  const onError = () => {
    starting.current = running || starting.current;
    retry();
  };
  const changeSpeed = () => {
    const next = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length];
    setSpeed(next);
    audio.current.playbackRate = next;
  };
  const name = isVoice(file_name) ? "Voice message" : file_name;
  const part = duration > 0 ? Math.min(1, at / duration) : 0;
  return html`<div class="audio" role="group" aria-label=${name} data-testid="audio" data-playing=${running}>
    <audio
      ref=${audio} src=${address ?? undefined} preload="metadata" onPlay=${() => setRunning(true)} onPause=${() => setRunning(false)}
      onTimeUpdate=${() => setAt(audio.current.currentTime)} onLoadedMetadata=${onLoaded} onError=${onError}
      onEnded=${() => setAt(0)}
    ></audio>
    <${IconButton} icon=${running ? "pause" : "play"} label=${running ? "Pause" : "Play"} testid="audio-play" className="audio-play" onClick=${toggle} />
    <div class="audio-middle">
      ${!isVoice(file_name) && html`<span class="file-name" dir="auto">${file_name}</span>`}
      <div class="audio-wave">
        <${Waveform} points=${waveform} part=${part} />
        <input
          type="range" class="audio-seek" min="0" max=${duration || 1} step="any" value=${at} aria-label="Position" data-testid="audio-seek"
          aria-valuetext=${`${durationText(at)} of ${durationText(duration)}`} onKeyDown=${(/** @type {KeyboardEvent} */ event) => onSeekKey(event, at, duration, seek)}
          onInput=${(/** @type {On<InputEvent, HTMLInputElement>} */ event) => seek(Number(event.currentTarget.value))}
        />
      </div>
      <span class="audio-times">
        <span data-testid="audio-time">${failed ? "Can’t be played here." : durationText(running || at > 0 ? at : duration)}</span>
        <button type="button" class="audio-speed" aria-label=${`Speed: ${speed} times`} data-testid="audio-speed" onClick=${changeSpeed}>${speed}×</button>
      </span>
    </div>
    <${IconButton} icon="download" label=${`Download ${file_name}`} testid="audio-download" onClick=${() => client.attempt(() => save(client, file))} />
  </div>`;
}

/**
 * Bars of loudness, in a stronger colour up to the part that was played.
 * @param {{points: number[], part?: number}} props
 */
export function Waveform({ points, part = 1 }) {
  return html`<svg class="waveform" viewBox=${`0 0 ${points.length * 3} 32`} preserveAspectRatio="none" aria-hidden="true">
    ${points.map((point, i) => {
      const height = Math.max(2, (point / 100) * 30);
      const played = i < part * points.length;
      return html`<rect key=${i} x=${i * 3} y=${16 - height / 2} width="2" height=${height} rx="1" class=${played ? "played" : ""} />`;
    })}
  </svg>`;
}

/**
 * Moves by five seconds: the browser’s own step of a slider without steps is far less, or far more.
 * @param {KeyboardEvent} event
 * @param {number} at
 * @param {number} duration
 * @param {(to: number) => void} seek
 */
function onSeekKey(event, at, duration, seek) {
  const step = { ArrowRight: 5, ArrowUp: 5, ArrowLeft: -5, ArrowDown: -5 }[event.key];
  // The list of messages moves with the same keys.
  if (step || ["Home", "End"].includes(event.key)) event.stopPropagation();
  if (!step) return;
  event.preventDefault();
  seek(Math.min(duration, Math.max(0, at + step)));
}
