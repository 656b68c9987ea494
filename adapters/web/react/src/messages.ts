// Windows over a room's messages.
import type { Message, Window, WindowOptions, WindowSnapshot } from "@parley-chat/client";
import { useEffect, useMemo, useState } from "react";
import { useClient } from "./provider.ts";
import { useStore } from "./store.ts";

export interface Messages extends WindowSnapshot {
  /** Loads a page before what there is. */
  older(): Promise<void>;
  /** Loads a page behind what there is, until it is live again. */
  newer(): Promise<void>;
  /** Shows another place. */
  goTo(around: number | "unread" | "end"): Promise<void>;
  /** The message at `seq`, where it is loaded. */
  message(seq: number): Message | undefined;
}

const NOTHING: WindowSnapshot = {
  items: [], hasOlder: false, hasNewer: false, live: false, ready: false, loading: { older: false, newer: false }, divider: 0, error: undefined,
};

const whole = (snapshot: WindowSnapshot): WindowSnapshot => snapshot;

/**
 * Pages of a room's messages either side of a place, the end unless `around` says otherwise. The
 * window is open while the component is shown; another room or other options open another one.
 */
export function useMessages(room: string, { around, size, keep }: WindowOptions = {}): Messages {
  const client = useClient();
  const [opened, setOpened] = useState<{ readonly key: unknown; readonly window: Window }>();
  const key = useMemo(() => ({}), [client, room, around, size, keep]);
  useEffect(() => {
    if (!client) return;
    const window = client.room(room).window({
      ...(around !== undefined && { around }), ...(size !== undefined && { size }), ...(keep !== undefined && { keep }),
    });
    setOpened({ key, window });
    return () => window.close();
  }, [key]);
  const window = opened?.key === key ? opened.window : undefined; // never what was shown before
  const snapshot = useStore(window, whole, NOTHING);
  return useMemo(() => ({
    ...snapshot,
    older: async () => window?.older(),
    newer: async () => window?.newer(),
    goTo: async (place) => window?.goTo(place),
    message: (seq) => window?.message(seq),
  }), [snapshot, window]);
}
