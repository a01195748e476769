#include "node_rewriter.h"

using namespace llvm;

namespace finegrain {

MDNode *NodeRewriter::make(MDNode &Node) {
  Operands New;
  for (Metadata *Operand : operandsFor(Node)) {
    if (auto *Name = dyn_cast_or_null<MDString>(Operand))
      Operand = nameFor(Name);
    else if (auto *Child = dyn_cast_or_null<MDNode>(Operand))
      if (!(Operand = Rewritten.lookup(Child)))
        return nullptr;
    New.push_back(Operand);
  }
  bool IsSame =
      std::equal(New.begin(), New.end(), Node.op_begin(), Node.op_end());
  return IsSame ? &Node : MDNode::get(Context, New);
}

// Without recursion, since input decides how deep it would go. Null stands for
// a node whose operands are still to come.
MDNode *NodeRewriter::rewritten(MDNode *Root) {
  SmallVector<MDNode *, 16> Pending{Root};
  while (!Pending.empty()) {
    MDNode *Node = Pending.back();
    auto [Entry, IsNew] = Rewritten.try_emplace(Node);
    if (IsNew) {
      Operands Old = operandsFor(*Node);
      for (Metadata *Operand : reverse(Old))
        if (auto *Child = dyn_cast_or_null<MDNode>(Operand))
          if (!Rewritten.contains(Child))
            Pending.push_back(Child);
      continue;
    }
    Pending.pop_back();
    if (!Entry->second)
      Entry->second = make(*Node);
  }
  return Rewritten.lookup(Root);
}

} // namespace finegrain
