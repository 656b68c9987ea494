// One conversation by what Modelina makes of asyncapi.json: node made/js/socket.js URL TOKEN.
import type { Socket } from "./made/frames.js";
import type { JoinCommand } from "./made/frames.js";
import type { SendCommand } from "./made/frames.js";

const [, , url, token] = process.argv;
const room: string = "modelina"; // a string it must be for them, as it is for us
const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, ["parley.v1.json", `bearer.${token}`]);
const join: JoinCommand = { type: "join", id: "j", room };
const send: SendCommand = { type: "send", id: "s", room, body: "hello" };
const seen: string[] = [];

socket.onopen = () => socket.send(JSON.stringify(join));
socket.onmessage = ({ data }) => {
  const frame: Socket = JSON.parse(data);
  seen.push(frame.type);
  switch (frame.type) {
    case "ok":
      if (frame.id === join.id) socket.send(JSON.stringify(send));
      break;
    case "message": {
      const where: string = frame.room;
      if (where !== room || frame.body !== "hello") throw new Error(data);
      socket.close();
      break;
    }
    case "error":
      throw new Error(data);
  }
};
socket.onerror = () => { throw new Error("the socket cannot be opened"); };
socket.onclose = () => {
  if (seen.join() !== "welcome,ok,ok,message") throw new Error(`frames came as ${seen}`);
};
