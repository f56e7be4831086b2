// Command image is a web app that is made into an image: it listens on the port that the image
// exposes, whatever PORT says.
package main

import (
	"fmt"
	"log"
	"net/http"
)

func main() {
	log.Fatal(http.ListenAndServe(":9000", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Hello from an image") })))
}
