// @ts-check
// A still picture of a video, made before the upload: the server can't draw videos.

/** The longest side in pixels, that of the server's previews. */
const SIDE = 640;
/** The second that is drawn; the very first picture of many videos is black. */
const AT_SECONDS = 1;
/** The time after which a video that the browser doesn't read goes without a preview. */
const TIMEOUT_MS = 8_000;

/**
 * Returns a picture of a video; undefined where the browser can't show it.
 * @param {Blob} file
 * @returns {Promise<Blob | undefined>}
 */
export async function videoPreview(file) {
  const address = URL.createObjectURL(file);
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  video.src = address;
  try {
    await next(video, "loadeddata");
    const { duration, videoWidth, videoHeight } = video;
    if (!videoWidth || !videoHeight) return undefined;
    const sought = next(video, "seeked");
    video.currentTime = Number.isFinite(duration) ? Math.min(AT_SECONDS, duration / 2) : 0;
    await sought;
    const scale = Math.min(1, SIDE / Math.max(videoWidth, videoHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(videoWidth * scale));
    canvas.height = Math.max(1, Math.round(videoHeight * scale));
    canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
    const picture = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
    return picture ?? undefined;
  } catch {
    return undefined;
  } finally {
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(address);
  }
}

/**
 * Waits for an event of a video.
 * @param {HTMLVideoElement} video
 * @param {string} name
 */
function next(video, name) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, TIMEOUT_MS);
    const settle = (/** @type {() => void} */ act) => () => {
      clearTimeout(timer);
      act();
    };
    video.addEventListener(name, settle(() => resolve(undefined)), { once: true });
    video.addEventListener("error", settle(reject), { once: true });
  });
}
