import { type Storage } from "./storage.js";
/**
 * Keeps all in an IndexedDB of that name, which tabs of one origin share. Give each user one of their
 * own where several sign in on a device.
 */
export declare function indexedDBStorage(name?: string): Storage;
