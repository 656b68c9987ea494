// What one chooses on this device.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { chime } from "../attention/sound.ts";
import { useDesk, useWords } from "../desk/context.ts";
import { useSnapshot } from "../desk/store.ts";

export function Settings(): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const { sound, notify } = useSnapshot(desk.prefs);
  const [refused, setRefused] = useState(false);
  const can = "Notification" in globalThis;
  const setNotify = async (on: boolean) => {
    const granted = on && can && (await Notification.requestPermission()) === "granted";
    setRefused(on && !granted);
    desk.prefs.change({ notify: granted });
  };
  return (
    <div class="form">
      {can && <label class="check"><input type="checkbox" checked={notify} onChange={(event) => void setNotify(event.currentTarget.checked)} /><span>{t("notify")}{refused && <small class="fault">{t("notify.refused")}</small>}</span></label>}
      <label class="check"><input type="checkbox" checked={sound} onChange={(event) => { desk.prefs.change({ sound: event.currentTarget.checked }); if (event.currentTarget.checked) chime(); }} /><span>{t("sound")}</span></label>
      <slot name="settings" />
    </div>
  );
}
