/** @jsxImportSource react */
// The lines of the README, which tsc checks.
import type { ParleyButton, ParleyChat, ParleyElement, ParleyRoom } from "@parley-chat/elements";
import type { HTMLAttributes, Ref } from "react";

type Own = "url" | "room" | "theme" | "getToken" | "client" | "strings" | "link";
type Props<E extends ParleyElement> = HTMLAttributes<E> & Partial<Pick<E, Own>> & { suggest?: string; ref?: Ref<E> };

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "parley-chat": Props<ParleyChat>;
      "parley-room": Props<ParleyRoom>;
      "parley-button": Props<ParleyButton>;
    }
  }
}

export const page = (
  <main>
    <parley-chat url="https://chat.example.com" room="tea" theme="dark" suggest="general" className="whole"
      getToken={async (reason) => (reason === "refused" ? null : "token")} ref={(chat: ParleyChat | null) => chat?.open("tea", 4)} />
    <parley-room room="tea" id="one" strings={{ chats: "Messages" }} />
    <parley-button link={(room, seq) => `/chat/${room}/${seq}`} />
    {/* @ts-expect-error there is no such theme */}
    <parley-chat theme={4} />
  </main>
);
