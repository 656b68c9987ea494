// The client of Parley: live rooms, an outbox that loses nothing, and windows over long histories.
export { createClient, type Client, type ClientOptions, type ClientSnapshot } from "./client.ts";
export type { Socket, Status, StopReason } from "./connection.ts";
export { ParleyError, type Code } from "./errors.ts";
export { indexedDBStorage } from "./indexeddb.ts";
export type { Item, Message } from "./message.ts";
export type { Outcome, SendState } from "./outbox.ts";
export type { Person } from "./people.ts";
export type * from "./protocol.ts";
export type { Reader, ReaderOptions } from "./reader.ts";
export type { Room } from "./room.ts";
export type { RoomList, RoomsSnapshot } from "./rooms.ts";
export type { Found, Hit, SearchOptions } from "./search.ts";
export type { RoomSnapshot, Sending, SendOptions } from "./snapshot.ts";
export type { Member } from "./state.ts";
export { memoryStorage, type Storage } from "./storage.ts";
export type { GetToken, TokenReason } from "./tokens.ts";
export type { Window, WindowOptions, WindowSnapshot } from "./window.ts";
