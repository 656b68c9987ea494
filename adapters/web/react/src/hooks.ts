// What is shown of the connection, of rooms and of people.
import type { Client, ClientSnapshot, Person, Room, RoomSnapshot, RoomsSnapshot } from "@parley-chat/client";
import { useEffect, useMemo } from "react";
import { useClient } from "./provider.ts";
import { useStore } from "./store.ts";

const UNKNOWN: ClientSnapshot = { status: { state: "connecting" }, me: undefined, features: new Set(), limits: undefined };
const NO_ROOMS: RoomsSnapshot = { rooms: [], hasMore: false, loading: true, ready: false, lacking: false, error: undefined };
const NOBODY: readonly string[] = [];
const NO_PEOPLE: readonly Person[] = [];
const ABSENT: RoomSnapshot["present"] = { users: new Map(), total: 0 };

const whole = <T>(snapshot: T): T => snapshot;

/** Whether there is a connection, who I am, and what the service can do. */
export function useConnection(): ClientSnapshot {
  const client = useClient();
  // Names and pictures that came make another snapshot too; they are not shown here.
  const parts = useStore<ClientSnapshot, readonly unknown[]>(client, ({ status, me, features, limits }) => [status, me, features, limits], NOBODY);
  return useMemo(() => (parts === NOBODY ? UNKNOWN : client!.getSnapshot()), [parts]);
}

export interface Rooms extends RoomsSnapshot {
  /** Loads the next page. */
  more(): Promise<void>;
}

/** My rooms with last message and unread count, the latest first. */
export function useRooms(): Rooms {
  const list = useClient()?.rooms;
  const snapshot = useStore(list, whole, NO_ROOMS);
  return useMemo(() => ({ ...snapshot, more: () => list?.more() ?? Promise.resolve() }), [snapshot, list]);
}

/** A room's name, topic, picture, unread count and so on; it is followed from now on. */
export function useRoom(id: string): RoomSnapshot {
  const empty = useMemo(() => unknownRoom(id), [id]);
  return useStore(useFollowed(id), whole, empty);
}

/** Who types there, but me; the component does not render for anything else. */
export function useTyping(room: string): readonly Person[] {
  return usePeople(useStore(useFollowed(room), ({ typing }) => typing, NOBODY));
}

export interface Presence {
  /** Some of them in a crowd. Their pictures: `usePerson`. */
  readonly users: readonly { readonly id: string; readonly name: string }[];
  readonly total: number;
}

/** Who is there. */
export function usePresence(room: string): Presence {
  const client = useClient();
  const followed = useFollowed(room);
  useEffect(() => followed?.watch(), [followed]);
  const present = useStore(followed, (snapshot) => snapshot.present, ABSENT);
  const ids = useMemo(() => [...present.users.keys()], [present]);
  const names = usePicked(client, ids, (id) => known(present.users.get(id), id) ?? client!.name(id), NOBODY);
  return useMemo(() => ({ users: names.map((name, at) => ({ id: ids[at]!, name })), total: present.total }), [names, present]);
}

/** A user's name and picture. What is not known is asked for, and shown when it is there. */
export function usePerson(id: string): Person {
  const client = useClient();
  const stranger = useMemo(() => ({ id, name: id, avatar: undefined, custom: {} }), [id]);
  return useStore(client, () => client!.person(id), stranger, [id]);
}

function usePeople(ids: readonly string[]): readonly Person[] {
  const client = useClient();
  return usePicked(client, ids, (id) => client!.person(id), NO_PEOPLE);
}

function usePicked<T>(client: Client | undefined, ids: readonly string[], pick: (id: string) => T, empty: readonly T[]): readonly T[] {
  return useStore(client, () => (ids.length > 0 ? ids.map(pick) : empty), empty, [ids]);
}

const known = (name: string | undefined, id: string): string | undefined => (name === id ? undefined : name);

/** @internal The room, which is followed once the component is shown. */
export function useFollowed(id: string): Room | undefined {
  const client = useClient();
  useEffect(() => void client?.room(id), [client, id]);
  return client?.peek(id);
}

function unknownRoom(id: string): RoomSnapshot {
  return {
    id, name: "", topic: undefined, avatar: undefined, custom: {}, sets: [], public: false, archived: false, role: undefined,
    joined: false, error: undefined, head: 0, read: 0, unread: 0, last: undefined, activeAt: undefined, members: undefined,
    pins: undefined, present: ABSENT, typing: NOBODY, marks: new Map(),
  };
}
