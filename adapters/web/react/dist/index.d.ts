export { ParleyProvider, useClient, type ParleyProviderProps } from "./provider.js";
export { useMessages, type Messages } from "./messages.js";
export { useConnection, usePerson, usePresence, useRoom, useRooms, useTyping, type Presence, type Rooms } from "./hooks.js";
export { useSend, type Commands } from "./send.js";
