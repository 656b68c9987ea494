// One conversation by what openapi-typescript makes of openapi.json: node made/js/http.js URL TOKEN.
import createClient from "openapi-fetch";
import type { components, paths } from "./made/openapi-typescript.js";

const [, , url, token] = process.argv;
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });
const room = "openapi-typescript";

await api.POST("/v1/rooms", { body: { room, name: "By openapi-typescript" } });
const body: components["schemas"]["NewMessage"] = { body: "hello", meta: { by: room } };
const sent = await api.POST("/v1/rooms/{room}/messages", { params: { path: { room }, header: { "Idempotency-Key": "k1" } }, body });
if (!sent.data) throw new Error(JSON.stringify(sent.error));
await api.PUT("/v1/rooms/{room}/members/{user}", { params: { path: { room, user: "bob" } }, body: { role: "read" } });
const page = await api.GET("/v1/rooms/{room}/entries", { params: { path: { room } } });
if (!page.data) throw new Error(JSON.stringify(page.error));

const said = page.data.entries.find((entry) => entry.seq === sent.data.seq);
if (said?.type !== "message" || said.body !== "hello" || said.meta?.by !== room) throw new Error(JSON.stringify(page.data));
const joined = page.data.entries.some((entry) => entry.type === "member" && entry.user === "bob" && entry.change === "joined");
if (!joined) throw new Error(JSON.stringify(page.data));
