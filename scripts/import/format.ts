/** The format of import maps, in words; `npm run import -- --help` prints this. */

export const mapFormat = String.raw`A map is a JSON file that says how the lines of a file become events:

  name          what the ids of this data begin with, e.g. "cdnow"
  description   for people
  format        "delimited" (a row a line), "fixed" (columns by position) or "ndjson" (JSON lines)
  encoding      "utf-8" (default) or "latin1"
  separator     delimited: any text, "\t" too, or "whitespace" for runs of blanks. Default ","
  quote         delimited: the quote character, "" for none. Default "\"", none for whitespace;
                inside quotes a doubled quote is one, and a line may end
  header        true if the first line names the columns. Default: true without "columns"
  columns       names in order, where no header gives them; fixed: [{"name","at","width"}], at from 0
  unknown       values that mean "not known", e.g. ["?"]; an empty cell always does
  each          ndjson: path of an array in the line; every item of it becomes one event
  event         the fields of the event: customer and type, and if wanted id, previous, time,
                channel, source, and data: {"fields": {name: field}}, or one field that gives an object

A field is a template, or an object whose steps are taken in this order:

  text          the template: "{column}" is replaced; {{ and }} stand for braces. In ndjson the name
                is a dotted path; with "each", {x} is of the item and {^x} of the line around it.
                A template that is one {…} alone keeps the type the value has in JSON
  any           instead of text: a list of fields, of which the first that is there counts
  constant      instead of text: any value
  match         a regular expression the value must match; its first group, if any, becomes the value
  values        {"Phone": "phone"}: replaces whole values; null makes it absent
  other         what happens to a value that "values" lacks: "keep" (default) or "refuse"
  lower         true: lower case
  underscore    true: runs of blanks become "_"
  prefix        put before the value
  as            "string", "number" or "boolean" (true/false, yes/no, 1/0)
  time          how a time is written: "iso", "epoch-ms", "epoch-s", or a pattern such as "YYYYMMDD"
                or "d/m/yyyy hh:mm" (one letter: 1–2 digits; "m" after hours: minutes). Without
                a zone it is UTC
  default       what an absent value becomes

A field whose template meets an unknown value is absent. A row without customer or type, or with a
value that fails a step, is refused and reported by line. Without "id" the id is made of the name,
a fingerprint of the file's content and the line's number (and the item's), so that importing
the same file twice stores it once.
`;
