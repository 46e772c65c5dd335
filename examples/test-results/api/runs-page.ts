import { html } from "hono/html";
import type { RunRow } from "../database/runs.ts";

/** The runs as a plain page. */
export function runsPage(runs: readonly RunRow[]): ReturnType<typeof html> {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>Test results</title>
        <style>
          body {
            font:
              15px/1.5 system-ui,
              sans-serif;
            margin: 2rem auto;
            max-width: 60rem;
            padding: 0 1rem;
          }
          table {
            border-collapse: collapse;
            width: 100%;
          }
          th,
          td {
            text-align: left;
            padding: 0.3rem 0.8rem 0.3rem 0;
            border-bottom: 1px solid #ddd;
          }
          td.count {
            text-align: right;
            font-variant-numeric: tabular-nums;
          }
        </style>
      </head>
      <body>
        <h1>Test results</h1>
        <table>
          <tr>
            <th>Report</th>
            <th>Run</th>
            <th>Tests</th>
            <th>Failures</th>
            <th>Errors</th>
            <th>Skipped</th>
            <th>Imported</th>
          </tr>
          ${runs.map(rowOf)}
        </table>
      </body>
    </html>`;
}

function rowOf(run: RunRow): ReturnType<typeof html> {
  return html`<tr>
    <td><a href="/api/runs/${run.id}">${run.source}</a></td>
    <td>${run.name}</td>
    <td class="count">${run.tests}</td>
    <td class="count">${run.failures}</td>
    <td class="count">${run.errors}</td>
    <td class="count">${run.skipped}</td>
    <td>${run.created_at}</td>
  </tr>`;
}
