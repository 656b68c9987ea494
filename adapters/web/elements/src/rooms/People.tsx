// Who is in the room: roles, invitations, bans; and the room's own name.
import type { Member, Role, Room, RoomSnapshot } from "@parley-chat/client";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useDesk, useWords } from "../desk/context.ts";
import type { Desk } from "../desk/desk.ts";
import { Menu, type Choice } from "../ui/Menu.tsx";
import { Face, IconButton, Name } from "../ui/parts.tsx";

const SHOWN = 200;

export function People({ room, state }: { room: Room; state: RoomSnapshot }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const [menu, setMenu] = useState<{ user: string; near: Element }>();
  const [fault, setFault] = useState("");
  useEffect(() => {
    room.loadMembers().catch((thrown) => setFault(t.fault(thrown)));
  }, [room]);
  const { present, members, role } = state;
  const moderates = role === "moderate";
  const ids = new Set([...present.users.keys(), ...(members?.keys() ?? [])]);
  const people = [...ids].map((id) => ({ id, name: desk.client.name(id), here: present.users.has(id), member: members?.get(id) }));
  people.sort((a, b) => Number(b.here) - Number(a.here) || a.name.localeCompare(b.name));
  const chosen = menu && people.find(({ id }) => id === menu.user);
  const me = desk.client.getSnapshot().me?.id;
  return (
    <>
      {moderates && <Rename room={room} state={state} />}
      {moderates && <Invite room={room} />}
      <p class="note" role="status">{fault || t("here", { n: present.total })}</p>
      <ul class="people">
        {people.slice(0, SHOWN).map(({ id, name, here, member }) => (
          <li key={id}>
            <Face small id={id} name={name} />
            <span class="who"><Name>{name}</Name><span class="about">{about(desk, member, here, id === me)}</span></span>
            {moderates && id !== me && <IconButton icon="more" menu label={t("person.more", { who: name })} onClick={(event) => setMenu({ user: id, near: event.currentTarget as Element })} />}
          </li>
        ))}
      </ul>
      {people.length > SHOWN && <p class="note">{t("others", { n: people.length - SHOWN })}</p>}
      {moderates && <button type="button" class="text" onClick={() => void change(desk, room, { archived: !state.archived })}>{t(state.archived ? "unarchive" : "archive")}</button>}
      {menu && chosen && <Menu label={chosen.name} near={menu.near} onClose={() => setMenu(undefined)} choices={places(desk, room, chosen.id, chosen.member)} />}
    </>
  );
}

function about({ words: t }: Desk, member: Member | undefined, here: boolean, me: boolean): string {
  const parts = [me && t("you"), member?.banned ? t("banned") : member?.role && member.role !== "write" && t(`role.${member.role}`), here && t("online")];
  return parts.filter(Boolean).join(" · ");
}

function places(desk: Desk, room: Room, user: string, member: Member | undefined): Choice[] {
  const t = desk.words;
  const put = (body: object) => void place(desk, room, user, "PUT", body);
  const role = (one: Role): Choice[] => (member?.role === one ? [] : [{ icon: "people", label: t(`make.${one}`), act: () => put({ role: one }) }]);
  return [
    ...role("moderate"), ...role("write"), ...role("read"),
    ...(member ? [{ icon: "exit" as const, label: t(member.banned ? "unban" : "remove"), act: () => void place(desk, room, user, "DELETE") }] : []),
    ...(member?.banned ? [] : [{ icon: "alert" as const, label: t("ban"), danger: true, act: () => put({ banned: true }) }]),
  ];
}

async function place(desk: Desk, room: Room, user: string, method: string, body?: object): Promise<boolean> {
  try {
    await desk.client.ask(method, `v1/rooms/${encodeURIComponent(room.id)}/members/${encodeURIComponent(user)}`, body ? { body } : {});
    return true;
  } catch (thrown) {
    desk.fail(thrown);
    return false;
  }
}

async function change(desk: Desk, room: Room, body: object): Promise<boolean> {
  try {
    await desk.client.ask("PATCH", `v1/rooms/${encodeURIComponent(room.id)}`, { body });
    return true;
  } catch (thrown) {
    desk.fail(thrown);
    return false;
  }
}

function Invite({ room }: { room: Room }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const [user, setUser] = useState("");
  const invite = async (event: Event) => {
    event.preventDefault();
    const id = user.trim().replace(/^@/, "");
    if (!id || !(await place(desk, room, id, "PUT", { role: "write" }))) return;
    setUser("");
    desk.say(t("invited", { who: desk.client.name(id) }));
  };
  return (
    <form class="inline" onSubmit={(event) => void invite(event)}>
      <label>{t("invite")}<input class="field" value={user} maxLength={128} autocomplete="off" autocapitalize="off" spellcheck={false} placeholder={t("invite.hint")} onInput={(event) => setUser(event.currentTarget.value)} /></label>
      <IconButton icon="plus" label={t("invite")} disabled={!user.trim()} onClick={(event) => void invite(event)} />
    </form>
  );
}

function Rename({ room, state }: { room: Room; state: RoomSnapshot }): JSX.Element {
  const desk = useDesk();
  const t = useWords();
  const [name, setName] = useState(state.name);
  const [topic, setTopic] = useState(state.topic ?? "");
  useEffect(() => setName(state.name), [state.name]);
  useEffect(() => setTopic(state.topic ?? ""), [state.topic]);
  const topics = desk.may("metadata");
  const dirty = name.trim() !== state.name || (topics && topic.trim() !== (state.topic ?? ""));
  const save = (event: Event) => {
    event.preventDefault();
    void change(desk, room, {
      ...(name.trim() && name.trim() !== state.name && { name: name.trim() }), ...(topics && topic.trim() !== (state.topic ?? "") && { topic: topic.trim() }),
    });
  };
  return (
    <form class="form" onSubmit={save}>
      <label>{t("room.name")}<input class="field" value={name} dir="auto" maxLength={100} onInput={(event) => setName(event.currentTarget.value)} /></label>
      {topics && <label>{t("topic")}<input class="field" value={topic} dir="auto" maxLength={1000} onInput={(event) => setTopic(event.currentTarget.value)} /></label>}
      {dirty && <div class="choices"><button type="submit" class="primary">{t("save")}</button></div>}
      <label class="check"><input type="checkbox" checked={!state.public} onChange={(event) => void change(desk, room, { public: !event.currentTarget.checked })} /><span>{t("private")}</span></label>
    </form>
  );
}
