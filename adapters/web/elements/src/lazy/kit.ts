// What the file that is loaded later takes from this one: the bundler has it look here for these
// modules, so that there is one copy of each.
import { Component, Fragment, h } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import * as context from "../desk/context.ts";
import * as store from "../desk/store.ts";
import * as markdown from "../message/markdown.ts";
import * as ids from "../rooms/ids.ts";
import * as strings from "../strings/index.ts";
import * as icons from "../ui/icons.tsx";
import * as parts from "../ui/parts.tsx";

export const kit = {
  preact: { Component, Fragment, h },
  "preact/hooks": { useEffect, useLayoutEffect, useMemo, useRef, useState },
  "desk/context": context,
  "desk/store": store,
  "message/markdown": markdown,
  "rooms/ids": ids,
  "strings/index": strings,
  "ui/icons": icons,
  "ui/parts": parts,
};
