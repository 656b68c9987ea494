import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Desk } from "./desk.ts";
import type { Speaker } from "../strings/index.ts";

export const DeskContext = createContext<Desk>(undefined as never);

export const useDesk = (): Desk => useContext(DeskContext);

export const useWords = (): Speaker => useContext(DeskContext).words;
