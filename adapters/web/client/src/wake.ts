// When to look whether the connection is alive: the network is back, or the user.

/** Calls `wake` then; returns what ends it. Outside of a browser it does nothing. */
export function listen(wake: () => void): () => void {
  const { document, window } = globalThis;
  if (!document || !window) return () => {};
  const visible = () => { if (document.visibilityState === "visible") wake(); };
  window.addEventListener("online", wake);
  window.addEventListener("pageshow", wake);
  document.addEventListener("visibilitychange", visible);
  return () => {
    window.removeEventListener("online", wake);
    window.removeEventListener("pageshow", wake);
    document.removeEventListener("visibilitychange", visible);
  };
}
