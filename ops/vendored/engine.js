// What the SQL console takes from DuckDB-Wasm, as one module.
export { AsyncDuckDB, VoidLogger } from "@duckdb/duckdb-wasm";
