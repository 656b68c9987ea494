// A client in a room whose service the test plays.
import { afterEach, beforeEach, mock } from "node:test";
import { createClient, type Client } from "../src/client.ts";
import { FakeSocket, settle, welcome } from "./socket.ts";

const clients: Client[] = [];

export const bob = { id: "bob", name: "Bob" };
export const alice = welcome.user;
export const at = (seq: number) => new Date(1_000_000 + seq * 1_000).toISOString();
export const entry = (seq: number, rest: object = {}) => ({ type: "message", room: "tea", seq, at: at(seq), author: bob, body: `m${seq}`, ...rest });
export const change = (seq: number, rest: object) => ({ room: "tea", seq, at: at(seq), author: bob, ...rest });

export const view = { room: "tea", name: "Tea", public: true, archived: false, head: 0, role: "write", read: 0, unread: 0 };

/** A client in the room, whose log is that of the test; history answers from it by itself. */
export async function setup({ log = [] as any[], cut = Infinity, list = view as object, read = 0 } = {}) {
  const sockets: FakeSocket[] = [];
  const asked: string[] = [];
  const answers: Record<string, any> = { "v1/rooms/tea": { ...view, ...list } };
  class Socket extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
    override send(text: string): void {
      super.send(text);
      const frame = JSON.parse(text);
      if (frame.type === "history") queueMicrotask(() => this.says({ type: "ok", id: frame.id, ...page(frame) }));
      if (frame.type === "presence") this.says({ type: "ok", id: frame.id, users: [bob], total: 2 });
      if (frame.type === "read") this.says({ type: "ok", id: frame.id, read: frame.seq, unread: 0 });
      if (frame.type === "join") this.says({ type: "ok", id: frame.id, head: log.length, from: frame.after === undefined ? log.length + 1 : frame.after + 1, truncated: false, role: "write", read, marks: [{ user: "bob", seq: 1 }] });
    }
  }
  const page = ({ before = Infinity, after, limit = 50 }: any) => {
    const found = log.filter(({ seq }) => (after === undefined ? seq < before : seq > after));
    const entries = after === undefined ? found.slice(-limit) : found.slice(0, limit);
    return { head: log.length, entries: after === undefined ? entries.slice(-cut) : entries.slice(0, cut), more: found.length > Math.min(limit, cut) };
  };
  const client = createClient({
    url: "http://x", getToken: () => "tok", WebSocket: Socket,
    fetch: async (url) => {
      const path = new URL(url as string).pathname.slice(1);
      asked.push(path);
      return new Response(JSON.stringify(answers[path] ?? {}), { status: answers[path] ? 200 : 404 });
    },
  });
  clients.push(client);
  const room = client.room("tea");
  await settle();
  const socket = () => sockets.at(-1)!;
  socket().says(welcome);
  await settle();
  const live = (...entries: any[]) => {
    for (const one of entries) {
      log.push(one);
      socket().says(one);
    }
  };
  return { client, room, socket, sockets, live, log, asked, answers };
}

export const seqs = (items: readonly { seq: number }[]) => items.map(({ seq }) => seq);
export const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
export const bodies = (items: readonly any[]) => items.map(({ body }) => body);

/** The clock stands in each test, until the test lets time pass; clients end with it. */
export function withClock(): void {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000_000 }));
  afterEach(async () => {
    clients.splice(0).forEach((client) => client.destroy());
    await settle();
    mock.timers.reset();
  });
}
