import type { Metadata } from "next";
import Link from "next/link";
import type { ReactElement, ReactNode } from "react";
import "./styles.css";

export const metadata: Metadata = { title: "ATP in Next.js", description: "A chat over a router of agents" };

export default function Layout({ children }: { readonly children: ReactNode }): ReactElement {
  return (
    <html lang="en">
      <body>
        <header>
          <h1>ATP in Next.js</h1>
          <nav aria-label="Ways to the router">
            <Link href="/">From the browser</Link>
            <Link href="/relayed">Through the server</Link>
          </nav>
        </header>
        <main>{children}</main>
      </body>
    </html>
  );
}
