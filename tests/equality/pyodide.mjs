// node pyodide.mjs FOLDER SITE TESTS: prints the version of the Python in FOLDER/node_modules/pyodide, and what
// TESTS/module_digests.py prints there with the packages in SITE.
import { pathToFileURL } from "url";

const [folder, site, tests] = process.argv.slice(2);
const home = `${folder}/node_modules/pyodide/`;
const { loadPyodide } = await import(pathToFileURL(`${home}pyodide.mjs`));
const python = await loadPyodide({ indexURL: home });
for (const [name, path] of [["/site", site], ["/tests", tests]]) {
  python.FS.mkdir(name);
  python.FS.mount(python.FS.filesystems.NODEFS, { root: path }, name);
}
python.runPython(`
import os, platform, runpy, sys
print(platform.python_version())
os.environ["TRITON_BACKEND"] = "metal"
sys.path[:0] = ["/tests", "/site", "/site/triton_alloy_vendor"]
runpy.run_path("/tests/module_digests.py", run_name="__main__")
`);
