// The real service, a proxy before it that fails when it is told, and tokens.
import { spawn, type ChildProcess } from "node:child_process";
import { createSign, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { createClient, type Client, type ClientOptions } from "../../src/client.ts";
import type { Entry } from "../../src/protocol.ts";

const binary = process.env["PARLEY"];
if (!binary) throw new Error("PARLEY must name the service's binary; the tests in Go do that");

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const realNow = Date.now;
const realTimeout = setTimeout;

/** A token of a user, for so many seconds by the service's clock. */
export function token(sub: string, seconds = 3_600, claims: object = {}): string {
  const now = Math.floor(realNow() / 1_000);
  const text = `${encoded({ alg: "RS256", typ: "JWT" })}.${encoded({ sub, name: sub.toUpperCase(), iat: now, exp: now + seconds, ...claims })}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(keys.privateKey).toString("base64url")}`;
}

/** Waits until something holds, by the true clock. */
export async function eventually(what: string, holds: () => unknown, ms = 60_000): Promise<void> {
  const until = realNow() + ms;
  while (!(await holds())) {
    if (realNow() > until) throw new Error(`it never came about that ${what}`);
    await new Promise((resolve) => realTimeout(resolve, 10));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** The service, in a process of its own. */
export class Service {
  port = 0;
  #dir = "";
  #env: Record<string, string> = {};
  #process: ChildProcess | undefined;
  #output = "";

  static async start(t: TestContext, env: Record<string, string> = {}): Promise<Service> {
    const service = new Service();
    service.#dir = await mkdtemp(join(tmpdir(), "parley-client-"));
    service.port = await freePort();
    const key = join(service.#dir, "key.pem");
    await writeFile(key, keys.publicKey.export({ type: "spki", format: "pem" }));
    service.#env = {
      ...process.env as Record<string, string>,
      PARLEY_HTTP_ADDR: `127.0.0.1:${service.port}`,
      PARLEY_ADMIN_ADDR: `127.0.0.1:${await freePort()}`,
      PARLEY_DATA_DIR: join(service.#dir, "data"),
      PARLEY_JWT_PUBLIC_KEY_FILE: key,
      PARLEY_RATE_LIMIT: "off",
      ...env,
    };
    t.after(async () => {
      await service.ends("SIGKILL");
      await rm(service.#dir, { recursive: true, force: true });
    });
    await service.starts();
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async starts(): Promise<void> {
    const started = spawn(binary!, ["serve"], { cwd: this.#dir, env: this.#env, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = started;
    for (const stream of [started.stdout, started.stderr]) stream!.on("data", (data) => { this.#output += data; });
    await eventually("the service is ready", async () => {
      if (started.exitCode !== null) throw new Error(`the service ended:\n${this.#output}`);
      return (await fetch(`${this.url}/readyz`).catch(() => undefined))?.ok;
    });
  }

  async ends(signal: NodeJS.Signals): Promise<void> {
    const ending = this.#process;
    this.#process = undefined;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = once(ending, "exit");
    ending.kill(signal);
    await gone;
  }

  /** Another installation at the same address. */
  async forgets(): Promise<void> {
    await rm(join(this.#dir, "data"), { recursive: true, force: true });
  }

  // Not by fetch, which stands still where a test has the clock in its hands.
  async ask(method: string, path: string, sub: string, body?: object): Promise<any> {
    const headers = { Authorization: `Bearer ${token(sub)}`, ...(body && { "Content-Type": "application/json" }) };
    const asked = request(`${this.url}/${path}`, { method, headers, agent: false });
    asked.end(body && JSON.stringify(body));
    const [response] = await once(asked, "response") as [IncomingMessage];
    const text = (await response.setEncoding("utf8").toArray()).join("");
    if (response.statusCode! >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
    return JSON.parse(text);
  }

  /** The room's whole log. */
  async log(room: string): Promise<Entry[]> {
    const entries: Entry[] = [];
    for (let more = true; more; ) {
      const page = await this.ask("GET", `v1/rooms/${room}/entries?after=${entries.length}&limit=200`, "auditor");
      entries.push(...page.entries);
      more = page.more;
    }
    return entries;
  }
}

/** A proxy before the service, whose faults the test chooses. */
export class Proxy {
  /** New connections are refused. */
  down = false;
  /** What the service says is lost. */
  deaf = false;
  /** What the client says is lost, and the connection with it, once it has said so much more. */
  cutAfter = Infinity;
  /** How many sockets were opened through it. */
  sockets = 0;
  #server: Server;
  #open = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(t: TestContext, service: Service): Promise<Proxy> {
    const server = createServer();
    const proxy = new Proxy(server);
    server.on("connection", (client) => proxy.#passes(client, service.port));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
      server.close();
      proxy.cut();
    });
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends all connections, in the middle of whatever. */
  cut(): void {
    for (const socket of this.#open) socket.resetAndDestroy();
    this.#open.clear();
  }

  #passes(client: Socket, port: number): void {
    if (this.down) {
      client.resetAndDestroy();
      return;
    }
    const service = connect(port, "127.0.0.1");
    const ends = () => {
      for (const socket of [client, service]) {
        socket.destroy();
        this.#open.delete(socket);
      }
    };
    for (const socket of [client, service]) {
      this.#open.add(socket);
      socket.on("error", ends).on("close", ends);
    }
    client.once("data", (data) => { if (data.toString("latin1").startsWith("GET /ws")) this.sockets++; });
    client.on("data", (data) => {
      if (data.length >= this.cutAfter) {
        service.write(data.subarray(0, this.cutAfter));
        this.cutAfter = Infinity;
        ends();
        return;
      }
      this.cutAfter -= data.length;
      service.write(data);
    });
    service.on("data", (data) => { if (!this.deaf) client.write(data); });
  }
}

// Node 20 has none.
const sockets = globalThis.WebSocket ? {} : { WebSocket: (await import(pathToFileURL(process.env["WS"]!).href)).WebSocket };

/** A client of the user behind that address, which ends with the test. */
export function client(t: TestContext, url: string, sub: string, options: Partial<ClientOptions> = {}): Client {
  const made = createClient({ url, getToken: () => token(sub), ...sockets, ...options });
  t.after(() => made.destroy());
  return made;
}

export const bodies = (items: readonly any[]): string[] => items.filter(({ type }) => type === "message").map(({ body }) => body);

/** Random numbers that come again with their seed: mulberry32. */
export function seeded(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
