/** Calls `wake` then; returns what ends it. Outside of a browser it does nothing. */
export declare function listen(wake: () => void): () => void;
