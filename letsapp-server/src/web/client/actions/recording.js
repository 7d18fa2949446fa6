// @ts-check
// The recording of a voice message from the microphone, with its waveform.
import { VOICE_NAME } from "../text/files.js";
import { levelOf, waveformOf } from "../text/waveform.js";

/** The formats that browsers record, the best first, with the endings of their files. @type {[type: string, ending: string][]} */
const FORMATS = [
  ["audio/webm;codecs=opus", "webm"],
  ["audio/ogg;codecs=opus", "ogg"],
  ["audio/mp4", "m4a"],
];
/** The distance between two levels: as often as an eye can follow the meter. */
const LEVEL_MS = 50;
/** Bits per second: speech through Opus is clear with less, music is not. */
const BITRATE = 48_000;

/** @typedef {{file: File, waveform: number[]}} Voice */
/** @typedef {{levels: number[], seconds: number}} Progress */

/** Whether this browser can record: only on a page that was loaded safely. */
export const canRecord = () => Boolean(globalThis.navigator?.mediaDevices?.getUserMedia) && formatOf() !== undefined;

export class Recording {
  #recorder;
  #stream;
  #context;
  #ending;
  /** @type {Blob[]} */
  #chunks = [];
  /** @type {number[]} */
  #levels = [];
  #startedAt;
  #timer;

  /**
   * Asks for the microphone and begins to record.
   * @param {(progress: Progress) => void} onProgress gets all levels so far, from 0 to 1
   */
  static async start(onProgress) {
    const format = formatOf();
    if (!format) throw new DOMException("This browser can’t record sound.", "NotSupportedError");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    try {
      return new Recording(stream, format, onProgress);
    } catch (problem) {
      stream.getTracks().forEach((track) => track.stop());
      throw problem;
    }
  }

  /**
   * @param {MediaStream} stream
   * @param {[type: string, ending: string]} format
   * @param {(progress: Progress) => void} onProgress
   */
  constructor(stream, [mimeType, ending], onProgress) {
    this.#stream = stream;
    this.#ending = ending;
    this.#recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: BITRATE });
    this.#recorder.addEventListener("dataavailable", ({ data }) => this.#chunks.push(data));
    this.#context = new AudioContext();
    const analyser = this.#context.createAnalyser();
    const samples = new Float32Array(analyser.fftSize);
    this.#context.createMediaStreamSource(stream).connect(analyser);
    // The permission may have come too late to count as the user's wish for sound.
    this.#context.resume().catch(() => {});
    this.#recorder.start();
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.#levels.push(levelOf(samples));
      onProgress({ levels: this.#levels, seconds: (performance.now() - this.#startedAt) / 1000 });
    }, LEVEL_MS);
  }

  /**
   * Ends the recording and returns it.
   * @returns {Promise<Voice>}
   */
  async finish() {
    const stopped = new Promise((resolve) => this.#recorder.addEventListener("stop", resolve, { once: true }));
    // The microphone may be gone already, and the recording over with it.
    if (this.#recorder.state !== "inactive") {
      this.#recorder.stop();
      await stopped;
    }
    this.#release();
    const [type] = this.#recorder.mimeType.split(";");
    const file = new File(this.#chunks, `${VOICE_NAME}.${this.#ending}`, { type });
    return { file, waveform: waveformOf(this.#levels) };
  }

  /** Ends the recording and forgets it. */
  cancel() {
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    this.#release();
  }

  #release() {
    clearInterval(this.#timer);
    this.#stream.getTracks().forEach((track) => track.stop());
    this.#context.close().catch(() => {});
  }
}

/**
 * Returns the reason why the microphone can’t be used.
 * @param {unknown} problem
 */
export function microphoneText(problem) {
  const { name } = /** @type {Error} */ (problem);
  if (name === "NotAllowedError") return "The microphone is not allowed here. You can change that in the settings of your browser.";
  if (name === "NotFoundError") return "No microphone was found.";
  return "The microphone can’t be used right now.";
}

function formatOf() {
  const { MediaRecorder: recorder } = globalThis;
  return recorder && FORMATS.find(([type]) => recorder.isTypeSupported(type));
}
