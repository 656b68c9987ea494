import { type Client, type ClientOptions } from "@parley-chat/client";
import { type ReactNode } from "react";
/**
 * Either a client that the application made and will destroy, or the options of one, which the
 * provider makes and destroys. Of these, `url` and `user` make another client when they change; the
 * others count as they were when it was made.
 */
export type ParleyProviderProps = {
    readonly children?: ReactNode;
    readonly client: Client;
} | ({
    readonly children?: ReactNode;
    readonly client?: undefined;
} & ClientOptions);
/** Gives all hooks below it their client. */
export declare function ParleyProvider({ children, ...rest }: ParleyProviderProps): ReactNode;
/**
 * The client, for all that has no hook. Undefined on a server, and in the first render where the
 * provider makes the client.
 */
export declare function useClient(): Client | undefined;
