// Which viewer shows what: by the step that made the result. A step without a viewer of its own gets the generic one.

import { address } from "millrace/boot";
import { h } from "millrace/dom";
import { binaryDetails, binaryFacts, binaryPreview } from "millrace/viewers/binary";
import { codeDetails, codeFacts, codePreview, logDetails } from "millrace/viewers/code";
import { archiveDetails, archiveFacts, archivePreview, dataDetails, dataFacts, dataPreview } from "millrace/viewers/data";
import { showArtifacts, showResult } from "millrace/viewers/generic";
import { imageDetails, imageFacts, imagePreview } from "millrace/viewers/image";
import { keysDetails, keysFacts, keysPreview } from "millrace/viewers/keys";
import { audioPreview, mediaDetails, mediaFacts, videoPreview } from "millrace/viewers/media";
import { hasView, ownView } from "millrace/viewers/own";
import { detail } from "millrace/viewers/parts";
import { pdfDetails, pdfFacts, pdfPreview } from "millrace/viewers/pdf";
import { tableDetails, tableFacts, tablePreview } from "millrace/viewers/table";
import { textFacts, textPreview } from "millrace/viewers/text";
import { fontFacts, fontPreview, mailDetails, mailFacts, mailPreview, markdownDetails, markdownPreview, notebookDetails, notebookFacts, notebookPreview, officeDetails, officeFacts, officePreview } from "millrace/viewers/writing";

const TABLES = { preview: tablePreview, details: tableDetails, facts: tableFacts };
const VIEWERS = {
  image: { preview: imagePreview, details: imageDetails, facts: imageFacts },
  pdf: { preview: pdfPreview, details: pdfDetails, facts: pdfFacts },
  table: TABLES,
  workbook: TABLES,
  columnar: TABLES,
  database: TABLES,
  "json-lines": TABLES,
  entries: TABLES,
  notebook: { preview: notebookPreview, details: notebookDetails, facts: notebookFacts },
  certificates: { preview: keysPreview, details: keysDetails, facts: keysFacts },
  data: { preview: dataPreview, details: dataDetails, facts: dataFacts },
  archive: { preview: archivePreview, details: archiveDetails, facts: archiveFacts },
  audio: { preview: audioPreview, details: mediaDetails, facts: mediaFacts },
  video: { preview: videoPreview, details: mediaDetails, facts: mediaFacts },
  office: { preview: officePreview, details: officeDetails, facts: officeFacts },
  mail: { preview: mailPreview, details: mailDetails, facts: mailFacts },
  markdown: { preview: markdownPreview, details: markdownDetails },
  font: { preview: fontPreview, facts: fontFacts },
  code: { preview: codePreview, details: codeDetails, facts: codeFacts },
  log: { details: logDetails },
  text: { preview: textPreview, facts: textFacts },
  binary: { preview: binaryPreview, details: binaryDetails, facts: binaryFacts },
};
const SHOWN_ELSEWHERE = new Set(["identify", "checksum", "parquet-copy"]); // in the facts at the side, or among what was made

/** What views need beside a step's result: what was made of the file, and where its content is. */
const toolsOf = (file) => ({
  artifact: (step, name) => file.artifacts.find((each) => each.step === step && each.name === name),
  artifacts: file.artifacts,
  content: address(`/api/files/${file.id}/content/`),
});

/** The best view of a file, or null where no step made one. */
export function preview(file) {
  const tools = toolsOf(file);
  for (const [step, viewer] of Object.entries(VIEWERS)) {
    const result = file.results[step];
    const view = result && viewer.preview?.(file, result, tools);
    if (view) return view;
  }
  return null;
}

/** Facts of the built-in steps, as pairs [word, value]. */
export function moreFacts(file) {
  return Object.entries(VIEWERS).flatMap(([step, viewer]) => (file.results[step] && viewer.facts ? viewer.facts(file.results[step]) : []));
}

/** Sections below the preview: what else each step found. */
export function details(file) {
  const sections = [];
  const tools = toolsOf(file);
  for (const { name } of file.steps) {
    const result = file.results[name];
    const made = file.artifacts.filter(({ step }) => step === name);
    if (result && hasView(name)) sections.push(detail(name, ownView(file, name)));
    else if (VIEWERS[name]) sections.push(...((result && VIEWERS[name].details?.(result, tools)) ?? []));
    else if (!SHOWN_ELSEWHERE.has(name) && (result || made.length)) sections.push(detail(name, h("div", { class: "generic" }, result ? showResult(result) : null, ...showArtifacts(made))));
  }
  return sections;
}
