import type { Author } from "./protocol.js";
export declare class Names {
    #private;
    /** `ask` may reject: then those users are asked about again when somebody wants their names. */
    constructor(ask: (ids: string[]) => Promise<readonly Partial<Author>[]>, changed: () => void);
    /** The display name, or the id until it is known. */
    get(user: string): string;
    learn({ id, name }: Partial<Author>): void;
    /** There is a new connection: who was unknown may be known there. */
    forgetAsked(): void;
}
