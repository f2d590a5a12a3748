package index

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/weirkit/weir/examples/harvest/internal/document"
)

// MaxBody is the largest post that is read, in bytes.
const MaxBody = 4 << 20

// Batch is the body of a post.
type Batch struct {
	Documents []document.Document `json:"documents"`
}

// Receipt is the answer to a post: all its documents are on the disk now.
type Receipt struct {
	Stored int `json:"stored"` // by this post
	Known  int `json:"known"`  // by an earlier one
}

// Entry is a line of the list of what is stored.
type Entry struct {
	Path   string `json:"path"`
	Copies int    `json:"copies"` // records with this path: 1, or the store is wrong
}

// Count is the size of the index.
type Count struct {
	Documents int `json:"documents"` // different paths
	Records   int `json:"records"`   // lines in the file
}

// Handler serves a store.
func Handler(s *Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /documents", func(w http.ResponseWriter, r *http.Request) { post(w, r, s) })
	mux.HandleFunc("GET /documents", func(w http.ResponseWriter, _ *http.Request) { list(w, s) })
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) { count(w, s) })
	return mux
}

func post(w http.ResponseWriter, r *http.Request, s *Store) {
	var batch Batch
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, MaxBody)).Decode(&batch); err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, fmt.Sprintf("no batch of documents: %v", err), status)
		return
	}
	for i, d := range batch.Documents {
		if d.Path == "" {
			http.Error(w, fmt.Sprintf("document %d has no path", i), http.StatusBadRequest)
			return
		}
	}
	stored, known, err := s.Add(batch.Documents)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, Receipt{Stored: stored, Known: known})
}

func list(w http.ResponseWriter, s *Store) {
	copies, err := s.Copies()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	for _, path := range slices.Sorted(maps.Keys(copies)) {
		if err := lines.Encode(Entry{Path: path, Copies: copies[path]}); err != nil {
			return // the client left
		}
	}
}

func count(w http.ResponseWriter, s *Store) {
	copies, err := s.Copies()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	c := Count{Documents: len(copies)}
	for _, n := range copies {
		c.Records += n
	}
	reply(w, c)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // fails only when the client left
}
