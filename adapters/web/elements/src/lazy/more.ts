// What is seldom seen at first, a file of its own: menus, dialogs, panels, emoji, what completes words.
import { notify } from "../attention/notify.ts";
import { chime } from "../attention/sound.ts";
import { fulfil, offers, wish } from "../composer/complete.ts";
import { pasted, tellCut } from "../composer/paste.ts";
import { copy } from "../desk/acts.ts";
import { remove, removeNoted } from "../desk/undo.ts";
import { Actions } from "../message/Actions.tsx";
import { replaceNames } from "../message/emoji.ts";
import { Picker } from "../message/Picker.tsx";
import { Announcer } from "../room/Announcer.tsx";
import { Dialogs } from "../rooms/Dialogs.tsx";
import { isRoomId, toRoomId } from "../rooms/ids.ts";
import { Panel } from "../rooms/Panel.tsx";
import { RoomMenu } from "../rooms/RoomMenu.tsx";
import { enMore } from "../strings/en-more.ts";
import { Banner } from "../states/Banner.tsx";
import { Shut } from "../states/Shut.tsx";
import { Stopped } from "../states/Stopped.tsx";
import { moreIcons } from "../ui/icons-more.ts";
import { Toasts } from "../ui/Toasts.tsx";
import { eventText } from "../timeline/events.ts";
import contrast from "../style/contrast.css";
import over from "../style/over.css";
import panels from "../style/panels.css";

export const more = {
  Actions, Announcer, Banner, Dialogs, Panel, Picker, RoomMenu, Shut, Stopped, Toasts, chime, copy, eventText, fulfil, isRoomId, notify, offers, pasted,
  remove, removeNoted, replaceNames, tellCut, toRoomId, wish, icons: moreIcons, words: enMore, styles: [contrast, panels, over],
};

export type More = typeof more;
