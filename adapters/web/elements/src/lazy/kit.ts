// What the file that is loaded later takes from this one: the bundler has it look here for these
// modules, so that there is one copy of each. They have here what that file uses of them.
import { Fragment, h } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import { keep, kept, keysOf } from "../desk/prefs.ts";
import { useSnapshot } from "../desk/store.ts";
import { plain, safe } from "../message/markdown.ts";
import { Icon } from "../ui/icons.tsx";
import { Avatar, Face, IconButton, Name } from "../ui/parts.tsx";

export const kit = {
  preact: { Fragment, h },
  "preact/hooks": { useEffect, useLayoutEffect, useRef, useState },
  "desk/context": { useDesk, useWords },
  "desk/prefs": { keep, kept, keysOf },
  "desk/store": { useSnapshot },
  "message/markdown": { plain, safe },
  "ui/icons": { Icon },
  "ui/parts": { Avatar, Face, IconButton, Name },
};
