// Command page serves a file of its image.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "/page.txt") })
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
