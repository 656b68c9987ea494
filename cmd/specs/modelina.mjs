// Makes types of a document by Modelina: node modelina.mjs DOCUMENT.json FOLDER NAME. What comes out is by Modelina's defaults
// NAME.classes.ts and NAME/*.go, and of AsyncAPI also NAME.ts: interfaces that fit the JSON.
import { GO_COMMON_PRESET, GoGenerator, TypeScriptGenerator } from "@asyncapi/modelina";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const [, , document, folder, name] = process.argv;
const read = () => JSON.parse(readFileSync(document, "utf8")); // anew each time: generators change what they are given
const exported = (models) => models.map(({ modelName, result }) => `${result}\nexport { type ${modelName} };\n`).join("\n");

writeFileSync(`${folder}/${name}.classes.ts`, exported(await new TypeScriptGenerator().generate(read())));

if (read().asyncapi) {
  const interfaces = new TypeScriptGenerator({ modelType: "interface", enumType: "union", rawPropertyNames: true });
  writeFileSync(`${folder}/${name}.ts`, exported(await interfaces.generate(read())));
}

mkdirSync(`${folder}/${name}`, { recursive: true });
const structs = new GoGenerator({ presets: [{ preset: GO_COMMON_PRESET, options: { addJsonTag: true } }] });
for (const model of await structs.generateCompleteModels(read(), { packageName: name })) {
  writeFileSync(`${folder}/${name}/${model.modelName.toLowerCase()}.go`, model.result);
}
