// Metadata nodes are unique by their content within a context, and modules
// share them. So they are never changed: each is made anew, behind those that
// it refers to.

#ifndef FINEGRAIN_NODE_REWRITER_H
#define FINEGRAIN_NODE_REWRITER_H

#include "llvm/ADT/DenseMap.h"
#include "llvm/IR/Metadata.h"

namespace finegrain {

class NodeRewriter {
public:
  explicit NodeRewriter(llvm::LLVMContext &Context) : Context(Context) {}
  virtual ~NodeRewriter() = default;

  // Null for a node in a circle, which LLVM will not have, and for one that
  // refers to such a node.
  llvm::MDNode *rewritten(llvm::MDNode *Root);

protected:
  using Operands = llvm::SmallVector<llvm::Metadata *, 8>;

  // What the new node consists of, in terms of the old ones.
  virtual Operands operandsFor(const llvm::MDNode &Node) {
    return Operands(Node.op_begin(), Node.op_end());
  }
  virtual llvm::MDString *nameFor(llvm::MDString *Name) { return Name; }
  virtual llvm::MDNode *make(llvm::MDNode &Node);

  llvm::LLVMContext &Context;

private:
  llvm::DenseMap<llvm::MDNode *, llvm::MDNode *> Rewritten;
};

} // namespace finegrain

#endif
