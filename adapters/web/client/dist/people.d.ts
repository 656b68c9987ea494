import type { Author, Profile } from "./protocol.js";
/** A user as they are shown. It is the same object until something of it has changed. */
export interface Person {
    readonly id: string;
    /** The display name; the id where there is none, or until it is known. */
    readonly name: string;
    /** Where a picture is: an https address, or one relative to the application's. */
    readonly avatar: string | undefined;
    /** The application's own. */
    readonly custom: Readonly<Record<string, unknown>>;
}
/** The service's answer to who they are: those it knows, and those who did not fit. */
export interface Told {
    readonly users: readonly Profile[];
    readonly rest?: readonly string[];
}
export declare class People {
    #private;
    /** `ask` may reject: then those users are asked about again when somebody wants to see them. */
    constructor(ask: (ids: string[]) => Promise<Told>, changed: () => void);
    /** The display name, or the id until it is known. */
    name_(user: string): string;
    person_(user: string): Person;
    /** Takes a name that came with something else. What was asked for is newer. */
    learn_({ id, name }: Author): void;
    /** Takes a profile. */
    take_({ id, name, avatar, custom, v }: Profile): void;
    /** There is a new connection, which has to be asked again: it tells what changes since. */
    forgetAsked_(): void;
}
