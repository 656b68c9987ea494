import { type Storage } from "./storage.js";
/**
 * Keeps all in an IndexedDB of that name, which tabs of one origin share. Give each user one of their
 * own where several sign in on a device. Where the browser lets a page keep nothing, each call
 * rejects: a client goes on in memory.
 */
export declare function indexedDBStorage(name?: string): Storage;
