// What the bundler calls for each element of TSX.
export { Fragment, h } from "preact";
