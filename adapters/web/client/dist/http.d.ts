import { ParleyError } from "./errors.js";
import type { Tokens } from "./tokens.js";
export interface Ask {
    readonly query?: Readonly<Record<string, string | number | undefined>>;
    readonly body?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
}
export declare class Http {
    #private;
    /** `base` ends in a slash. */
    constructor(base: string, tokens: Tokens, fetcher: typeof fetch);
    /** Asks for a path below the service's address, `v1/rooms`; resolves to the answer's JSON. */
    ask_(method: string, path: string, ask?: Ask): Promise<any>;
    /** Why the service refuses the token; nothing where it does not, or does not answer. */
    refusal_(token: string): Promise<ParleyError | undefined>;
    end_(): void;
}
