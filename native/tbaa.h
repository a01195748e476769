// The types by which TBAA tells memory accesses apart. A type is what its name
// says and nothing else, so the names are numbered like those of symbols: one
// template over two types is then one body, and in a request for simplify() one
// type has one number, whoever brings it.
//
// A large struct is a large node, and most functions use few of its fields. So
// bodies have no other fields: they are shorter, and stay what they are when a
// struct gets a new one.

#ifndef FINEGRAIN_TBAA_H
#define FINEGRAIN_TBAA_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/IR/Module.h"
#include <string>

namespace finegrain {

// Gives every type that M's accesses name the name that NewName returns for its
// own. Asks in an order that M's code alone decides. The few names that mean
// something to LLVM, or that nearly every module has, stay.
void renameAccessTypes(
    llvm::Module &M, llvm::function_ref<std::string(llvm::StringRef)> NewName);

void dropAccessTypes(llvm::Module &M);

// Whether Node says of an access what types it is to.
bool isAccessTag(const llvm::MDNode &Node);

// Visits the types that have fields on a tag's way to the root, and the operand
// that is the next type on the way; its offset is the one behind it.
void walkAccess(
    const llvm::MDNode &Tag,
    llvm::function_ref<void(const llvm::MDNode &Type, unsigned Field)> Visit);

// Leaves of structs only the fields that M's accesses are to.
void pruneAccessTypes(llvm::Module &M);

// Makes one type of those that have one name, with the fields of all of them:
// to LLVM, bodies that had different fields left of a struct have different
// structs. Must be done before it compares their accesses.
void mergeAccessTypes(llvm::Module &M);

} // namespace finegrain

#endif
