// A short soft sound, made here: there is no file to load.
const EVERY = 2_000; // ms at least

let context: AudioContext | undefined;
let last = -EVERY;

export function chime(): void {
  if (!globalThis.AudioContext || performance.now() - last < EVERY) return;
  last = performance.now();
  try {
    context ??= new AudioContext();
    const gain = context.createGain();
    gain.connect(context.destination);
    for (const [at, pitch] of [[0, 660], [0.12, 880]] as const) {
      const tone = context.createOscillator();
      tone.frequency.value = pitch;
      tone.connect(gain);
      tone.start(context.currentTime + at);
      tone.stop(context.currentTime + at + 0.12);
    }
    gain.gain.setValueAtTime(0.06, context.currentTime);
    gain.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.4);
  } catch { /* browsers let a page be heard only after somebody has touched it */ }
}
