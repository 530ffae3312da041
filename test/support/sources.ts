/**
 * What the style rules need to know of every source file, read by the compiler's own parser: the
 * text is never searched for what could as well stand in a string or a comment.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import {
  isArrowFunction,
  isCallExpression,
  isConstructorDeclaration,
  isExportAssignment,
  isExportDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportTypeNode,
  isMethodDeclaration,
  isNewExpression,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isSetAccessorDeclaration,
  isStringLiteral,
  isVariableDeclaration,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

const sourceFolders = ['src', 'bench', 'scripts', 'test'];

/** One mention of another module: an import, a re-export, or the URL of a worker's entry. */
export interface Mention {
  readonly kind: 'import' | 'export' | 'dynamic' | 'url';
  readonly specifier: string;
  /** The whole statement is `import type` or `export type`: nothing of it is left to run. */
  readonly isType: boolean;
  readonly line: number;
}

export interface Measured {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

/** A name as written, `Date.now` or `setTimeout`, with whether it is called and with how much. */
export interface Use {
  readonly name: string;
  readonly line: number;
  readonly argumentCount: number;
}

/** A file of any kind. */
export interface Written {
  /** Relative to the root, with slashes. */
  readonly path: string;
  readonly lines: number;
}

export interface Source extends Written {
  readonly text: string;
  readonly mentions: readonly Mention[];
  readonly functions: readonly Measured[];
  /** Calls and constructions by name. */
  readonly calls: readonly Use[];
  /** Every `object.member` and every bare name that is read, called or not. */
  readonly names: readonly Use[];
  /** Properties set in object literals to the literal `true`. */
  readonly switches: readonly Use[];
  readonly defaultExports: readonly number[];
}

/** The compiler, in a process of its own. One serves any number of projects. */
export class Parser {
  readonly #api = new API({});

  /** Parses every file that a project below `root` takes in; sorted by path. */
  parse(root: string, config = 'tsconfig.json'): Source[] {
    const snapshot = this.#api.updateSnapshot({ openProject: join(root, config) });
    const project = snapshot.getProject(join(root, config));
    if (project === undefined) throw new Error(`no project ${config} in ${root}`);
    const sources = project.rootFiles.map((file) => {
      const parsed = project.program.getSourceFile(file);
      if (parsed === undefined) throw new Error(`not parsed: ${file}`);
      return describe(pathOf(root, file), parsed);
    });
    snapshot.dispose();
    return sources.sort((left, right) => (left.path < right.path ? -1 : 1));
  }

  close(): void {
    this.#api.close();
  }
}

/** Every file below `src`, `bench`, `scripts` and `test`, compiled or not; sorted by path. */
export function listFiles(root: string): Written[] {
  return sourceFolders
    .flatMap((folder) => {
      const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile());
    })
    .map(({ name, parentPath }) => join(parentPath, name))
    .map((file) => ({ path: pathOf(root, file), lines: linesOf(readFileSync(file, 'utf8')) }))
    .sort((left, right) => (left.path < right.path ? -1 : 1));
}

function pathOf(root: string, file: string): string {
  return relative(root, file).split(sep).join('/');
}

function linesOf(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

function describe(path: string, file: SourceFile): Source {
  const text = file.text;
  const facts = new Facts(file);
  facts.visit(file);
  return {
    path,
    text,
    lines: linesOf(text),
    mentions: facts.mentions,
    functions: facts.functions,
    calls: facts.calls,
    names: facts.names,
    switches: facts.switches,
    defaultExports: facts.defaultExports,
  };
}

class Facts {
  readonly mentions: Mention[] = [];
  readonly functions: Measured[] = [];
  readonly calls: Use[] = [];
  readonly names: Use[] = [];
  readonly switches: Use[] = [];
  readonly defaultExports: number[] = [];
  readonly #file: SourceFile;

  constructor(file: SourceFile) {
    this.#file = file;
  }

  visit(node: Node): void {
    this.#visitModule(node);
    this.#visitFunction(node);
    this.#visitUse(node);
    node.forEachChild((child) => {
      this.visit(child);
    });
  }

  #line(node: Node): number {
    return this.#file.getLineAndCharacterOfPosition(node.getStart(this.#file)).line + 1;
  }

  #visitModule(node: Node): void {
    if (isImportDeclaration(node)) {
      const isType = node.importClause?.phaseModifier === SyntaxKind.TypeKeyword;
      this.#mention('import', node.moduleSpecifier, isType);
    } else if (isExportDeclaration(node)) {
      this.#mention('export', node.moduleSpecifier, node.isTypeOnly);
    } else if (isImportTypeNode(node)) {
      node.argument.forEachChild((child) => this.#mention('import', child, true));
    } else if (isExportAssignment(node) || node.kind === SyntaxKind.DefaultKeyword) {
      if (isExportAssignment(node) || this.#isModifier(node)) {
        this.defaultExports.push(this.#line(node));
      }
    } else if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
      this.#mention('dynamic', node.arguments[0], false);
    } else if (isNewExpression(node) && this.#text(node.expression) === 'URL') {
      const base = node.arguments?.[1];
      if (base !== undefined && this.#text(base) === 'import.meta.url') {
        this.#mention('url', node.arguments?.[0], false);
      }
    }
  }

  #mention(kind: Mention['kind'], specifier: Node | undefined, isType: boolean): void {
    if (specifier === undefined || !isStringLiteral(specifier)) return;
    this.mentions.push({ kind, specifier: specifier.text, isType, line: this.#line(specifier) });
  }

  /** `default` before a declaration, not the one of a `switch`. */
  #isModifier(node: Node): boolean {
    return isFunctionDeclaration(node.parent) || node.parent.kind === SyntaxKind.ClassDeclaration;
  }

  #visitFunction(node: Node): void {
    const isFunction =
      isFunctionDeclaration(node) ||
      isFunctionExpression(node) ||
      isArrowFunction(node) ||
      isMethodDeclaration(node) ||
      isConstructorDeclaration(node) ||
      isGetAccessorDeclaration(node) ||
      isSetAccessorDeclaration(node);
    if (!isFunction) return;
    const line = this.#line(node);
    const last = this.#file.getLineAndCharacterOfPosition(node.end).line + 1;
    this.functions.push({ name: this.#nameOf(node), line, lines: last - line + 1 });
  }

  #nameOf(node: Node): string {
    if (isConstructorDeclaration(node)) return 'constructor';
    const own = 'name' in node ? (node.name as Node | undefined) : undefined;
    if (own !== undefined) return this.#text(own);
    const parent = node.parent;
    if (isVariableDeclaration(parent) || isPropertyAssignment(parent)) {
      return this.#text(parent.name);
    }
    if (isCallExpression(parent)) {
      const first = parent.arguments[0];
      const title = first !== undefined && isStringLiteral(first) ? first.text : '';
      return `${this.#text(parent.expression)}(${title})`;
    }
    return '(unnamed)';
  }

  #visitUse(node: Node): void {
    if (isCallExpression(node) || isNewExpression(node)) {
      const prefix = isNewExpression(node) ? 'new ' : '';
      const name = prefix + this.#text(node.expression);
      const argumentCount = node.arguments?.length ?? 0;
      this.calls.push({ name, line: this.#line(node), argumentCount });
    }
    if (isPropertyAccessExpression(node)) {
      this.names.push({ name: this.#text(node), line: this.#line(node), argumentCount: 0 });
    }
    if (isIdentifier(node) && !this.#isMember(node)) {
      this.names.push({ name: node.text, line: this.#line(node), argumentCount: 0 });
    }
    if (isPropertyAssignment(node) && node.initializer.kind === SyntaxKind.TrueKeyword) {
      this.switches.push({
        name: this.#text(node.name),
        line: this.#line(node),
        argumentCount: 0,
      });
    }
  }

  /** The right side of a dot or the name of a declaration: not a name looked up in scope. */
  #isMember(node: Node): boolean {
    const parent = node.parent;
    if (parent.kind === SyntaxKind.ShorthandPropertyAssignment) return false;
    // What is imported under another name is used, though never by its own.
    if (parent.kind === SyntaxKind.ImportSpecifier && 'propertyName' in parent) {
      return parent.propertyName !== node;
    }
    if ('propertyName' in parent && parent.propertyName === node) return true;
    return 'name' in parent && parent.name === node;
  }

  #text(node: Node): string {
    return node.getText(this.#file).replace(/\s+/g, '').replaceAll('?.', '.');
  }
}
