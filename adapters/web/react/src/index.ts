// React hooks for Parley. Each shows a part of the client's state, and renders when that part changes.
export { ParleyProvider, useClient, type ParleyProviderProps } from "./provider.ts";
export { useMessages, type Messages } from "./messages.ts";
export { useConnection, usePerson, usePresence, useRoom, useRooms, useTyping, type Presence, type Rooms } from "./hooks.ts";
export { useSend, type Commands } from "./send.ts";
