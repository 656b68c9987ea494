// Loads what is seldom seen at first: when the first room is shown, or when it is asked for.
import { useLayoutEffect } from "preact/hooks";
import { Store, useSnapshot } from "../desk/store.ts";
import { extend } from "../strings/index.ts";
import { adopt } from "../style/sheets.ts";
import { picture } from "../ui/icons.tsx";
import { kit } from "./kit.ts";
import type { More } from "./more.ts";

const AGAIN_AFTER = 2_000; // ms, then longer: a node of another version may not have the file
const TIMES = 8;

const loaded = new Store<More | undefined>(undefined);
let loading: Promise<void> | undefined;

/** Resolves once it is there, or could not be had. */
export const load = (): Promise<void> => (loading ??= attempt());

async function attempt(): Promise<void> {
  // The bundler replaces both: the file is named by what is in it, and so is its place.
  (globalThis as Record<symbol, unknown>)[Symbol.for(PARLEY_KIT)] ??= kit;
  for (let turn = 1; turn <= TIMES; turn++) {
    try {
      const { more } = await import("./more.ts");
      adopt(more.styles);
      extend(more.words);
      picture(more.icons);
      loaded.set(more);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER * turn));
    }
  }
  loading = undefined; // the next who asks tries again
}

/** What is loaded later, as soon as it is there; it is asked for if it is `wanted`. */
export function useMore(wanted: boolean): More | undefined {
  useLayoutEffect(() => {
    if (wanted) void load();
  }, [wanted]);
  return useSnapshot(loaded);
}

/** What is there already. */
export const moreNow = (): More | undefined => loaded.getSnapshot();

declare const PARLEY_KIT: string;
