// A socket that a test speaks for, and the service behind it.
import { mock } from "node:test";
import type { Socket } from "../src/connection.ts";

export class FakeSocket implements Socket {
  onopen: ((event: any) => void) | null = null;
  onmessage: ((event: any) => void) | null = null;
  onclose: ((event: any) => void) | null = null;
  onerror: ((event: any) => void) | null = null;
  sent: any[] = [];
  closed = false;
  readonly url: string;
  readonly protocols: string[];

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  send(text: string): void { this.sent.push(JSON.parse(text)); }
  close(): void { this.closed = true; }
  opens(): void { this.onopen?.({}); }
  says(frame: object): void { this.onmessage?.({ data: JSON.stringify(frame) }); }
  ends(code: number): void { this.onclose?.({ code }); }
  /** The last command of that type. */
  last(type: string): any { return this.sent.findLast((frame) => frame.type === type); }
  answers(type: string, ok: object): void { this.says({ type: "ok", id: this.last(type).id, ...ok }); }
}

export const welcome = {
  type: "welcome", session: "s", user: { id: "alice", name: "Alice" }, heartbeat_ms: 25_000, log: "l1",
  features: ["sets", "pins", "room_list"], limits: { frame_bytes: 65_536 },
};

/** Lets promises that are settled run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets time pass, and what follows from it. */
export async function passes(ms: number): Promise<void> {
  await settle();
  mock.timers.tick(ms);
  await settle();
}

/** A token that ends at a time, epoch ms. */
export const token = (expires: number, n = 0): string =>
  `h.${Buffer.from(JSON.stringify({ exp: expires / 1_000, n })).toString("base64url")}.s`;

/** Lets time pass until the promise is settled. */
export async function comes<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const note = () => { settled = true; };
  promise.then(note, note);
  for (let n = 0; n < 1_000 && !settled; n++) await passes(16);
  return promise;
}
